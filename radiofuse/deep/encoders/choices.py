"""The built-in encoders: self-attention networks with variants for tumor crops, and convolutional ones."""

from __future__ import annotations

ENCODERS = {
    "san10": "radiofuse.deep.encoders.sanet_sizes:san10",
    "san15": "radiofuse.deep.encoders.sanet_sizes:san15",
    "san19": "radiofuse.deep.encoders.sanet_sizes:san19",
    "san10_patchwise": "radiofuse.deep.encoders.sanet_sizes:san10_patchwise",
    "san15_patchwise": "radiofuse.deep.encoders.sanet_sizes:san15_patchwise",
    "san19_patchwise": "radiofuse.deep.encoders.sanet_sizes:san19_patchwise",
    "san10_roi72": "radiofuse.deep.encoders.sanet_sizes:san10_roi72",
    "san15_roi72": "radiofuse.deep.encoders.sanet_sizes:san15_roi72",
    "san19_roi72": "radiofuse.deep.encoders.sanet_sizes:san19_roi72",
    "san10_patchwise_roi72": "radiofuse.deep.encoders.sanet_sizes:san10_patchwise_roi72",
    "san15_patchwise_roi72": "radiofuse.deep.encoders.sanet_sizes:san15_patchwise_roi72",
    "san19_patchwise_roi72": "radiofuse.deep.encoders.sanet_sizes:san19_patchwise_roi72",
    "san10_small": "radiofuse.deep.encoders.sanet_sizes:san10_small",
    "vgg16_attention": "radiofuse.deep.encoders.vgg16_attention:VGG16Attention",
    "mobilenet_v2": "radiofuse.deep.encoders.mobilenet:MobileNetV2",
    "resnet18": "radiofuse.deep.encoders.monai_networks:resnet18",
    "resnet50": "radiofuse.deep.encoders.monai_networks:resnet50",
    "densenet121": "radiofuse.deep.encoders.monai_networks:densenet121",
    "densenet201": "radiofuse.deep.encoders.monai_networks:densenet201",
    "efficientnet_b2": "radiofuse.deep.encoders.monai_networks:efficientnet_b2",
    "pixels": "radiofuse.deep.encoders.pixels:Pixels",
    "torchscript": "radiofuse.deep.encoders.program_files:TorchScriptEncoder",
    "onnx": "radiofuse.deep.encoders.program_files:OnnxEncoder",
}

FROZEN_FILES = ("torchscript", "onnx")  # whole networks from a file, which nobody trains

# `torchvision:resnet50` is the network of that name
LIBRARIES = {
    "torchvision": "radiofuse.deep.encoders.libraries:TorchvisionEncoder",
    "timm": "radiofuse.deep.encoders.libraries:TimmEncoder",
}
