"""Images: deterministic layers, OCI documents, layouts and archives, and reading them back."""

from neve.oci.archive import (
    stream_docker_archive,
    stream_oci_archive,
    write_docker_archive,
    write_oci_archive,
)
from neve.oci.bundle import Artifact, Bundle, PlatformImage, assemble, platform_image
from neve.oci.codec import Compression, codec_version
from neve.oci.config import (
    ImageConfig,
    LayerHistory,
    chain_id,
    layer_history,
    standard_annotations,
)
from neve.oci.layer import ContentReader, LayerBlob, write_layer
from neve.oci.layering import LayerPlan, layer_key, partition
from neve.oci.layout import write_layout
from neve.oci.layout_source import open_image
from neve.oci.pack import pack_layers, store_reader
from neve.oci.read_tree import read_tree
from neve.oci.source import ImageSource, ReadLimits, SourceLayer, inflate

__all__ = [
    "Artifact",
    "Bundle",
    "Compression",
    "ContentReader",
    "ImageConfig",
    "ImageSource",
    "LayerBlob",
    "LayerHistory",
    "LayerPlan",
    "PlatformImage",
    "ReadLimits",
    "SourceLayer",
    "assemble",
    "chain_id",
    "codec_version",
    "inflate",
    "layer_history",
    "layer_key",
    "open_image",
    "pack_layers",
    "partition",
    "platform_image",
    "read_tree",
    "standard_annotations",
    "store_reader",
    "stream_docker_archive",
    "stream_oci_archive",
    "write_docker_archive",
    "write_layer",
    "write_layout",
    "write_oci_archive",
]
