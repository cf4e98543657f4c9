"""How much data is a pre-trained model worth? Fit a run table, then ask for ten times the size.

Replace the simulated table by `RunTable.read("runs.csv")` for your own runs.
"""

from precocial.transfer import PUBLISHED, Noise, effective_data, fit_transfer, forecast, simulate

runs = simulate(PUBLISHED["text"], noise=Noise(relative=0.003))
fit = fit_transfer(runs, draws=200)
low, high = fit.intervals()["beta"]
print(f"D_T = {fit.constants.k:.3g} * D_F^{fit.constants.alpha:.3f} * N^{fit.constants.beta:.3f}")
print(f"beta between {low:.3f} and {high:.3f}; the law's surface: {fit.scratch.law}")

ahead = forecast(fit, parameters=1e10, fine_tune_data=1e6)
(run_low, run_high) = ahead.prediction_interval
print(f"loss at N = 1e10, D_F = 1e6: {ahead.loss[0]:.3f} ({run_low[0]:.3f} to {run_high[0]:.3f})")

for row in effective_data(runs, scratch=fit.scratch).rows()[:3]:
    print(f"N {row['N']:.0e}, D_F {row['D_F']:.0e}: D_E {row['D_E']:.2e}, {row['status']}")
