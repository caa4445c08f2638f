"""BeatNet's network: one convolution along frequency, then a two-layer LSTM along time."""

import torch
from torch import nn
from torch.nn import functional

FEATURES, HIDDEN, CLASSES = 272, 150, 3
CHANNELS, KERNEL = 2, 10


class BeatNet(nn.Module):
    """Features of shape (batch, frame, 272) to probabilities (batch, frame, 3): beat, downbeat, neither.

    Layers and names as in the published weights (Heydari, Cwitkowitz, Duan, ISMIR 2021).
    """

    def __init__(self) -> None:
        super().__init__()
        pooled = CHANNELS * ((FEATURES - KERNEL + 1) // 2)
        self.conv1 = nn.Conv1d(1, CHANNELS, KERNEL)
        self.linear0 = nn.Linear(pooled, HIDDEN)
        self.lstm = nn.LSTM(HIDDEN, HIDDEN, num_layers=2, batch_first=True)
        self.linear = nn.Linear(HIDDEN, CLASSES)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        batch, frames, bands = features.shape
        each = self.conv1(features.reshape(batch * frames, 1, bands))
        each = functional.max_pool1d(functional.relu(each), 2).reshape(batch, frames, -1)
        along, _ = self.lstm(self.linear0(each))
        return torch.softmax(self.linear(along), dim=-1)
