"""SAM as a semantic segmentation network of one picture: LoRA in the encoder, no prompts, one mask token per class."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from nnunetv2_muduo.storage import file_digest
from nnunetv2_muduo.teachers.sam2d.lora import QueryValueLoRA

LORA_RANK = 4
"""CFR's."""
PUBLIC = {"vit_b": "facebook/sam-vit-base", "vit_l": "facebook/sam-vit-large", "vit_h": "facebook/sam-vit-huge"}
"""Short names of SAM's public weights on the Hugging Face hub."""
PUBLIC_ENCODERS: dict[str, dict[str, Any]] = {
    "vit_b": {},
    "vit_l": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "global_attn_indexes": [5, 11, 17, 23],
    },
    "vit_h": {
        "hidden_size": 1280,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "global_attn_indexes": [7, 15, 23, 31],
    },
}
"""Their image encoders, where they differ from `transformers`' default: what they cost is known before they are there."""
_WEIGHTS = "model.safetensors"
_OF_CLASSES = (
    "mask_decoder.mask_tokens.",
    "mask_decoder.output_hypernetworks_mlps.",
    "mask_decoder.iou_prediction_head.",
)
"""Beginnings of the names of weights that depend on the number of classes."""
RANDOM = "tiny"
"""Name of the network of `TINY`."""
TINY: dict[str, dict[str, Any]] = {
    "vision_config": {
        "hidden_size": 48,
        "output_channels": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "image_size": 256,
        "patch_size": 8,  # logits of half the canvas's edge, not a quarter
        "window_size": 8,
        "global_attn_indexes": [1],
        "num_pos_feats": 16,
        "initializer_range": 0.02,
    },
    "prompt_encoder_config": {"hidden_size": 32, "image_size": 256, "patch_size": 8},
    "mask_decoder_config": {"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
}
"""A network that two cores can train; its weights are random."""


class SemanticSam(nn.Module):
    """A SAM of Hugging Face's `transformers` whose further masks, beside the single one, are the classes.

    Trained are LoRA, the prompt encoder's embedding of "no mask" and the mask decoder; the rest of the encoder is frozen. The
    single mask has a token too, beside the classes', and its mask is not used.
    """

    def __init__(self, sam: nn.Module, rank: int = LORA_RANK):
        super().__init__()
        self.sam, self.rank = sam, rank
        sam.vision_encoder.requires_grad_(False)
        sam.shared_image_embedding.requires_grad_(False)
        for layer in sam.vision_encoder.layers:
            layer.attn.qkv = QueryValueLoRA(layer.attn.qkv, rank)

    @property
    def canvas_size(self) -> int:
        """Edge of the square picture, in pixels."""
        return self.sam.config.vision_config.image_size

    @property
    def architecture(self) -> dict[str, Any]:
        """What `with_architecture` builds such a network from, as plain values; it holds no path."""
        return {**json.loads(self.sam.config.to_json_string(use_diff=False)), "_name_or_path": ""}

    def forward(self, canvases: Tensor) -> Tensor:
        """Logits [N, n_classes, size, size] of `canvases` [N, 3, size, size], intensities as nnU-Net normalizes them."""
        logits = self.sam(pixel_values=canvases, multimask_output=True).pred_masks[:, 0]
        return interpolate(logits, size=canvases.shape[-2:], mode="bilinear", align_corners=False)


def build(sam: str, n_classes: int, rank: int = LORA_RANK) -> SemanticSam:
    """The network `sam` for `n_classes` classes, background included.

    `sam` is `tiny`, a key of `PUBLIC`, or a folder or a hub name that `transformers` reads, with `safetensors` weights. Where
    SAM's own number of masks differs, all mask tokens and the last layer of the head of qualities start anew; the networks that
    turn tokens into masks go on from SAM's, those beyond its four from random weights.

    Raises:
        RuntimeError: `transformers` is not installed.
        ValueError: there are no such weights, or they are not of a SAM of this size.
    """
    transformers = require_transformers()
    if sam == RANDOM:
        return SemanticSam(transformers.SamModel(_known_config(transformers, sam, n_classes)), rank)
    name = _source(sam)
    try:
        config = transformers.SamConfig.from_pretrained(name)
        config.mask_decoder_config.num_multimask_outputs = n_classes
        network, info = transformers.SamModel.from_pretrained(
            name,
            config=config,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except OSError as error:
        raise ValueError(
            f"--sam {sam}: no SAM with safetensors weights at {name}. Give tiny, {', '.join(PUBLIC)}, "
            f"or a folder with config.json and model.safetensors ({str(error).splitlines()[0]})"
        ) from error
    _refuse_others_weights(info, name)
    return SemanticSam(network, rank)


def _refuse_others_weights(info: dict[str, Any], name: str) -> None:
    """transformers fills what a file lacks with random numbers, and only warns; all but the classes' own part must be there."""
    lacking = [*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])]
    if foreign := sorted(key for key in lacking if not key.startswith(_OF_CLASSES)):
        raise ValueError(
            f"{name} holds no weights of such a SAM: {len(foreign)} are missing or have another shape, the first is "
            f"{foreign[0]}. Give a folder whose config.json belongs to its model.safetensors"
        )


def identity_of(sam: str) -> str:
    """Name of a SAM, without a path; of one in a folder with the sha256 of its weights."""
    folder = Path(_source(sam))
    weights = folder / _WEIGHTS
    return f"{folder.name} (sha256 {file_digest(weights)})" if weights.is_file() else sam


def _source(sam: str) -> str:
    """Where `transformers` finds it."""
    return PUBLIC.get(sam, str(Path(sam).expanduser()) if sam.startswith("~") else sam)


def without_values(sam: str, n_classes: int) -> SemanticSam:
    """What `build` makes, on PyTorch's meta device: its size and what it costs can be told without its weights.

    Raises:
        RuntimeError: `transformers` is not installed.
        ValueError: `sam` is no name of ours, and its config.json is not on this machine.
    """
    transformers = require_transformers()
    try:
        config = _known_config(transformers, sam, n_classes)
    except OSError as error:
        raise ValueError(f"the config.json of {sam} is not on this machine") from error
    with torch.device("meta"):
        return SemanticSam(transformers.SamModel(config))


def known_canvas_size(sam: str) -> int | None:
    """Edge of the picture that `sam` sees, in pixels; None where nothing on this machine tells it."""
    try:
        return _known_config(require_transformers(), sam, n_classes=2).vision_config.image_size
    except (RuntimeError, OSError):
        return None


def let_learn(network: SemanticSam, sam: str) -> SemanticSam:
    """The network as it is fine-tuned: where `sam` has random weights all of them learn, since nothing is worth keeping."""
    return network.requires_grad_(True) if sam == RANDOM else network


def _known_config(transformers, sam: str, n_classes: int):
    if sam == RANDOM:
        config = transformers.SamConfig(**TINY)
    elif sam in PUBLIC:
        config = transformers.SamConfig(vision_config=PUBLIC_ENCODERS[sam])
    else:
        config = transformers.SamConfig.from_pretrained(_source(sam), local_files_only=True)
    config.mask_decoder_config.num_multimask_outputs = n_classes
    return config


def is_here(sam: str) -> bool:
    """Whether the weights of `sam` are on this machine: in its folder, or in the hub's cache."""
    from huggingface_hub import constants, try_to_load_from_cache

    name = _source(sam)
    if Path(name).is_dir():
        return (Path(name) / _WEIGHTS).is_file()
    try:
        return isinstance(try_to_load_from_cache(name, _WEIGHTS, cache_dir=constants.HF_HUB_CACHE), str)
    except ValueError:  # no name that the hub can have
        return False


def with_architecture(architecture: dict[str, Any], rank: int) -> SemanticSam:
    """A network of `SemanticSam.architecture`, with random weights. Raises RuntimeError where `transformers` is not installed."""
    transformers = require_transformers()
    return SemanticSam(transformers.SamModel(transformers.SamConfig(**architecture)), rank)


def require_transformers():
    """The library that has SAM. Raises RuntimeError, with the command that installs it, where it is not there."""
    try:
        import transformers
    except ImportError as error:
        raise RuntimeError("CFR needs transformers: pip install 'nnunetv2_muduo[cfr]'") from error
    return transformers
