"""The models behind the fits: exact Jacobians and the meaning of their coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.transfer import transferred
from precocial.transfer.models import JointModel, ReadOffModel, TransferTerms, log_effective
from tests.transfer.planted import TEXT, changed, drawn, fitted


def terms() -> TransferTerms:
    return TransferTerms.of(drawn().pretrained, sizes=True, pretraining=False)


def tau_of(own: TransferTerms, alpha: float, beta: float, log_k: float) -> np.ndarray:
    exponents = np.array([alpha, beta])
    return np.array([[log_k + exponents @ np.array(own.centre), alpha, beta]])


def test_terms_give_the_law_and_its_constants() -> None:
    own, runs = terms(), drawn().pretrained
    tau = tau_of(own, TEXT.alpha, TEXT.beta, np.log(TEXT.k))
    log_D_T = (tau @ own.regressors(runs.D_F, runs.N, runs.D_pre))[0]
    written = transferred(TEXT, parameters=runs.N, fine_tune_data=runs.D_F)
    np.testing.assert_allclose(np.exp(log_D_T), written, rtol=1e-12)
    assert np.exp(own.log_k(tau)[0]) == pytest.approx(TEXT.k)
    assert {name: value[0] for name, value in own.exponents(tau).items()} == {
        "alpha": TEXT.alpha, "beta": TEXT.beta,
    }  # fmt: skip


def test_terms_follow_what_the_table_varies() -> None:
    runs = changed(drawn(), D_pre=1e9).pretrained
    assert TransferTerms.of(runs, sizes=False, pretraining=True).names == ("alpha", "gamma")
    assert TransferTerms.of(runs, sizes=False, pretraining=False).names == ("alpha",)


def test_effective_data_and_the_share_of_transfer() -> None:
    log_D_E, share = log_effective(np.log([100.0]), np.log([[300.0]]))
    assert np.exp(log_D_E[0, 0]) == pytest.approx(400)
    assert share[0, 0] == pytest.approx(0.75)


def check_jacobian(model: JointModel | ReadOffModel, theta: np.ndarray) -> None:
    got, jacobian = model(theta)
    assert jacobian.shape == (len(theta), theta.shape[1], got.shape[1])
    for at in range(theta.shape[1]):
        move = 1e-6 * np.eye(theta.shape[1])[at]
        rise = (model(theta + move)[0] - model(theta - move)[0]) / 2e-6
        np.testing.assert_allclose(jacobian[:, at], rise, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_jacobians_are_the_derivatives(spread: float) -> None:
    fit, table = fitted(noise=0.0), drawn()
    move = spread * np.random.default_rng(0).standard_normal((3, 7))
    theta = np.concatenate([fit.surface.phi[0], fit.tau[0]]) + move
    joint = JointModel(fit.surface, fit.terms, table.scratch, fit.used)
    check_jacobian(joint, theta)
    slope = np.linspace(0.05, 0.2, len(fit.used))
    check_jacobian(ReadOffModel(fit.terms, fit.used, slope), theta[:, -3:])


def test_the_joint_model_at_the_truth_gives_the_table_back() -> None:
    fit, table = fitted(noise=0.0), drawn()
    theta = np.concatenate([fit.surface.phi[0], fit.tau[0]])[None]
    predicted = JointModel(fit.surface, fit.terms, table.scratch, table.pretrained)(theta)[0][0]
    measured = np.log(np.concatenate([table.scratch.loss, table.pretrained.loss]))
    np.testing.assert_allclose(predicted, measured, atol=1e-9)


def test_the_read_off_model_is_the_slope_times_log_effective_data() -> None:
    own, runs = terms(), drawn().pretrained
    tau = tau_of(own, TEXT.alpha, TEXT.beta, np.log(TEXT.k))
    D_E = runs.D_F + transferred(TEXT, parameters=runs.N, fine_tune_data=runs.D_F)
    predicted = ReadOffModel(own, runs, np.full(len(runs), 0.1))(tau)[0][0]
    np.testing.assert_allclose(predicted, 0.1 * np.log(D_E), rtol=1e-12)
