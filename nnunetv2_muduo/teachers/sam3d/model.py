"""Frozen teacher: a patch is encoded once, and many prompts are decoded from its embedding.

Source of the architecture: SAM-Med3D, https://github.com/uni-medical/SAM-Med3D, arXiv 2310.15161, after SAM (arXiv 2304.02643);
docs/teachers.md lists what its weights expect.
"""

import torch
from torch import nn

from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.image_encoder import ImageEncoder
from nnunetv2_muduo.teachers.sam3d.mask_decoder import MaskDecoder
from nnunetv2_muduo.teachers.sam3d.prompt_encoder import PromptEncoder

PROMPTS_PER_CHUNK = 16  # bounds the memory of upscaled features (48 x 32^3 floats each) when many prompts are decoded

Points = tuple[torch.Tensor, torch.Tensor]


class Sam3DTeacher(nn.Module):
    """SAM-Med3D's network with the public checkpoints' parameter names, frozen unless it is trained, in eval mode for good.

    All axes are the teacher's own, (x, y, z); images are already normalized (see `teachers.patch_space`). Under autocast only the
    encoder's blocks, nearly all of the arithmetic, use half precision: in all of it, bfloat16 would move masks by up to 1 %.
    `image_size` and `low_res_size` are the edges of the input patch and of mask prompts and logits, in voxels.
    """

    def __init__(self, config: Sam3DConfig):
        super().__init__()
        self.config = config
        self.image_size, self.low_res_size = config.image_size, config.low_res_size
        self.image_encoder = ImageEncoder(config)
        self.prompt_encoder = PromptEncoder(config)
        self.mask_decoder = MaskDecoder(config)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Sam3DTeacher":
        """Stay in eval mode, whatever an enclosing module asks for."""
        return super().train(False)

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Embedding [B, C, S/16, S/16, S/16] of normalized patches [B, 1, S, S, S]; ValueError for other shapes."""
        if image.ndim != 5 or image.shape[1:] != (1, *[self.image_size] * 3):
            raise ValueError(
                f"teacher image must be [B, 1, {self.image_size}, {self.image_size}, {self.image_size}], "
                f"got {list(image.shape)}; the patch size of the plans must be the teacher's image size"
            )
        return self.image_encoder(image)

    def decode(
        self,
        embedding: torch.Tensor,
        points: Points | None = None,
        masks: torch.Tensor | None = None,
        multimask_output: bool = False,
    ) -> torch.Tensor:
        """Low-resolution logits of N prompts for one patch, or for one patch each.

        Args:
            embedding: [1, C, S/16, S/16, S/16], one patch of what `encode` gives, or [N, ...], one for each prompt.
            points: coordinates [N, K, 3] (array indices of the patch, in voxels) and labels [N, K]
                (1 foreground, 0 background, -1 not a point).
            masks: logits [N, 1, S/4, S/4, S/4]; one mask [1, 1, ...] serves all N point prompts. None with points is
                the untrained "no mask" embedding; the public weights were trained with zeros.
            multimask_output: give the other masks [N, 3, ...], which the public weights never trained.

        Returns:
            [N, 1, S/4, S/4, S/4].

        Raises:
            ValueError: neither points nor masks, or shapes that do not fit.
        """
        n_prompts = self._check_prompts(points, masks)
        self._check_embedding(embedding, n_prompts)
        image_positions = self.prompt_encoder.dense_positions()
        parts = []
        with torch.autocast(embedding.device.type, enabled=False):
            for start in range(0, n_prompts, PROMPTS_PER_CHUNK):
                chunk = slice(start, min(start + PROMPTS_PER_CHUNK, n_prompts))
                sparse, dense = self._embed_prompts(points, masks, chunk, embedding)
                image = (embedding if len(embedding) == 1 else embedding[chunk]) + dense
                parts.append(self.mask_decoder(image, image_positions, sparse, multimask_output)[0])
        return torch.cat(parts)

    def _embed_prompts(
        self, points: Points | None, masks: torch.Tensor | None, chunk: slice, embedding: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if masks is None:
            dense = self.prompt_encoder.embed_no_mask()
        else:
            dense = self.prompt_encoder.embed_masks(masks if len(masks) == 1 else masks[chunk])
        if points is None:
            sparse = embedding.new_empty(chunk.stop - chunk.start, 0, embedding.shape[1])
        else:
            sparse = self.prompt_encoder.embed_points(points[0][chunk], points[1][chunk])
        return sparse, dense

    def _check_embedding(self, embedding: torch.Tensor, n_prompts: int) -> None:
        expected = (self.config.prompt_embed_dim, *[self.config.grid_size] * 3)
        if embedding.shape[1:] != expected or len(embedding) not in (1, n_prompts):
            raise ValueError(
                f"embedding of one patch must be {[1, *expected]}, got {list(embedding.shape)}; decode patch by patch, or "
                f"give each of the {n_prompts} prompts its own"
            )

    def _check_prompts(self, points: Points | None, masks: torch.Tensor | None) -> int:
        """Number of prompts; ValueError where there is none or shapes do not fit."""
        if points is None and masks is None:
            raise ValueError("decode needs points, masks or both; got neither")
        n_points = None if points is None else self._check_points(*points)
        if masks is None:
            return n_points
        low_res = self.low_res_size
        if masks.ndim != 5 or masks.shape[1:] != (1, low_res, low_res, low_res) or len(masks) == 0:
            raise ValueError(f"masks must be [N, 1, {low_res}, {low_res}, {low_res}], got {list(masks.shape)}")
        if n_points is not None and len(masks) not in (1, n_points):
            raise ValueError(f"{n_points} point prompts, but {len(masks)} masks; give one mask each, or one for all")
        return n_points or len(masks)

    @staticmethod
    def _check_points(coordinates: torch.Tensor, labels: torch.Tensor) -> int:
        if coordinates.ndim != 3 or coordinates.shape[-1] != 3 or len(coordinates) == 0:
            raise ValueError(f"point coordinates must be [N, K, 3], got {list(coordinates.shape)}")
        if labels.shape != coordinates.shape[:2]:
            raise ValueError(f"point labels must be {list(coordinates.shape[:2])}, got {list(labels.shape)}")
        return len(coordinates)
