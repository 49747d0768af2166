"""Published ways to train an encoder, by name, as far as their texts and code say."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    # Shi et al. (2023), section III.B: "without data shuffling"; it names neither epochs nor augmentation
    "shi2023": {
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "batch_size": 16,
        "shuffle": False,
        "flips": False,
        "rotation_deg": 0.0,
    },
    # VGG16 with attention: Yan, Kawahara, Hamarneh (2019). Melanoma recognition via visual attention. IPMI
    "vgg_attention": {
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "schedule": "step",
        "schedule_epochs": 10,
        "schedule_factor": 0.1,
        "epochs": 50,
        "batch_size": 32,
        "focal_gamma": 2.0,
    },
    # The official code of "Modality fusion of MRI and clinical data for glioma grading" (UCSF-PDGM), its MRI encoder
    "fusion_grading": {
        "optimizer": "adam",
        "learning_rate": 5e-5,
        "weight_decay": 1e-6,
        "epochs": 20,
        "batch_size": 16,
        "balance": "sampler",
        "flips": True,
        "rotation_deg": 20.0,
        "validation": 0.125,
        "patience": 10,
    },
}
