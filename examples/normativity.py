"""Ten teachers who all call most 4s a 9: what can still be learned from them?

Digits of 8 x 8 pixels get three votes each. No aggregation gets past a mistake that all teachers
share. One statement about it, and twenty labels that are checked where that tells most, do.
"""

from sklearn.datasets import load_digits

from precocial.feedback import About, Panel, SharedMistake, Statement, simulate_teachers
from precocial.normativity import NormLearner

X, y = load_digits(return_X_y=True)
X, truth = X / 16, y.astype(str)
teachers = Panel(shared=(SharedMistake(true=4, said=9, rate=0.7),))
said = simulate_teachers(y[:600], teachers, classes=10, seed=0)
suspicion = Statement(
    source="admin", what=About(kind="mistake", name="9", on="4"), value=0.0, confidence=0.95
)

learner = NormLearner(rounds=2)
for feedback in ([], [suspicion]):
    learner.fit(said, X=X[:600], feedback=feedback)
    gold = {task: truth[int(task)] for task in learner.ask_next(20)}
    learner.fit(said, X=X[:600], feedback=feedback, gold=gold)
    labels = (learner.labels_ == truth[:600]).mean()
    student = (learner.student_.predict(X[600:]) == truth[600:]).mean()
    print(f"{len(feedback)} statements, 20 checked: labels {labels:.1%}, student {student:.1%}")
print(learner.explain(learner.ask_next(1)[0]))
