"""Sizes of a SAM-Med3D-like network."""

from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Sam3DConfig:
    """Architecture of a promptable 3D teacher; the defaults are those of SAM-Med3D's public `vit_b_ori`.

    Raises ValueError where the sizes do not fit together.
    """

    image_size: int = 128
    """Edge of the cubic input patch, in voxels."""
    patch_size: int = 16
    """Edge of one token, in voxels."""
    embed_dim: int = 768
    """Channels of the image encoder."""
    depth: int = 12
    """Blocks of the image encoder."""
    n_heads: int = 12
    """Attention heads of the image encoder."""
    global_attention_blocks: tuple[int, ...] = (2, 5, 8, 11)
    """Blocks that attend to the token grid alone; the others attend to the grid padded to `window_size`."""
    window_size: int = 14
    """Edge of the attention window of the other blocks, in tokens; at least the token grid's edge."""
    mlp_ratio: int = 4
    """Hidden channels of a block's perceptron, over `embed_dim`."""
    prompt_embed_dim: int = 384
    """Channels of the image embedding and of every prompt token."""
    mask_channels: int = 16
    """Channels of the mask prompt before its last convolution."""
    n_multimask_outputs: int = 3
    """Masks predicted besides the first one."""
    decoder_depth: int = 2
    """Two-way layers of the mask decoder."""
    decoder_n_heads: int = 8
    """Attention heads of the mask decoder."""
    decoder_mlp_dim: int = 2048
    """Hidden channels of the mask decoder's perceptrons."""
    iou_hidden_dim: int = 256
    """Hidden channels of the IoU prediction head."""

    def __post_init__(self):
        object.__setattr__(self, "global_attention_blocks", tuple(self.global_attention_blocks))
        sizes = {name: value for name, value in asdict(self).items() if name != "global_attention_blocks"}
        for name, value in sizes.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"teacher architecture: {name} must be a positive integer, got {value!r}")
        self._check_divisible("image_size", self.patch_size, "patch_size")
        self._check_divisible("embed_dim", self.n_heads, "n_heads")
        self._check_divisible("prompt_embed_dim", 6, "6 (positional encoding [sin, cos, sin])")
        self._check_divisible("prompt_embed_dim", 8, "8 (mask upscaling)")
        self._check_divisible("prompt_embed_dim", 2 * self.decoder_n_heads, "2 * decoder_n_heads")
        self._check_divisible("mask_channels", 4, "4 (mask downscaling)")
        self._check_blocks()

    def _check_divisible(self, name: str, divisor: int, divisor_name: str) -> None:
        if getattr(self, name) % divisor:
            raise ValueError(f"teacher architecture: {name} {getattr(self, name)} is no multiple of {divisor_name}")

    def _check_blocks(self) -> None:
        beyond = [block for block in self.global_attention_blocks if block not in range(self.depth)]
        if beyond:
            raise ValueError(f"teacher architecture: global_attention_blocks {beyond} are not below depth {self.depth}")
        if self.window_size < self.grid_size and len(set(self.global_attention_blocks)) < self.depth:
            raise ValueError(
                f"teacher architecture: window_size {self.window_size} is below the token grid's {self.grid_size}; "
                "several windows per patch are not supported: make window_size at least as large, or all blocks global"
            )

    @property
    def grid_size(self) -> int:
        """Edge of the token grid."""
        return self.image_size // self.patch_size

    @property
    def low_res_size(self) -> int:
        """Edge of mask prompts and of decoded logits, in low-resolution voxels."""
        return 4 * self.grid_size

    @classmethod
    def from_dict(cls, values: dict) -> "Sam3DConfig":
        """Config from a checkpoint's `sam3d_config` entry; ValueError names keys that this package does not know."""
        if not isinstance(values, dict):
            raise ValueError(f"teacher architecture: expected a dictionary of sizes, got {values!r}")
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"teacher architecture: unknown keys {unknown}; a newer nnunetv2_muduo may know them")
        return cls(**values)
