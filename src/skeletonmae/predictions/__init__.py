"""What belongs to a prediction besides the model: windows, persons, heads of features, doubts and warnings.

Without torch, so that exported models have them too.
"""
