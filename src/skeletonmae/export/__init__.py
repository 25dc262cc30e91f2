"""Models as ONNX files, for use without PyTorch."""

from skeletonmae.export.export import ExportReport, export_model

__all__ = ["ExportReport", "export_model"]
