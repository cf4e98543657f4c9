"""The networks that the paper compresses, in its sizes."""

from __future__ import annotations

from torch import Tensor, nn


def perceptron_784() -> nn.Sequential:
    """784-800-10 with one ReLU layer: 636,010 parameters."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 800), nn.ReLU(), nn.Linear(800, 10))


class _Mean(nn.Module):
    """The mean over the picture."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


def all_convolutional() -> nn.Sequential:
    """The nine-layer convolutional network for 32 x 32 colour pictures: 1,369,738 parameters.

    Source: the counts of Shuvaev et al. 2024 agree with All-CNN-C (Springenberg et al. 2015); the
    placement of padding is ours.
    """
    widths = [(3, 96, 3, 1), (96, 96, 3, 1), (96, 96, 3, 2), (96, 192, 3, 1), (192, 192, 3, 1)]
    widths += [(192, 192, 3, 2), (192, 192, 3, 1), (192, 192, 1, 1), (192, 10, 1, 1)]
    layers: list[nn.Module] = []
    for number, (into, out, kernel, stride) in enumerate(widths):
        layers += [nn.Conv2d(into, out, kernel, stride, padding=kernel // 2), nn.ReLU()]
        if number == 2:
            layers.append(nn.Dropout(0.5))
    return nn.Sequential(*layers[:-1], _Mean())


def cheetah_policy() -> nn.Sequential:
    """17-64-64-12 with tanh: 6,092 parameters, means and log standard deviations of 6 torques.

    The paper gives three fully connected layers and 6,092 parameters; these widths are the ones
    that fit.
    """
    return nn.Sequential(
        nn.Linear(17, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 12)
    )
