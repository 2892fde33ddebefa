"""The two libraries that are compared, through their public names alone."""

from ascribe import attr as ascribe
from ascribe.vision import torchvision

try:
    torchvision()  # which Captum may import, and which may need help
    from captum import attr as captum
except ImportError:
    raise ImportError("the benchmarks need Captum: pip install 'ascribe[bench]'") from None

__all__ = ["ascribe", "captum"]
