"""Ten teachers, none of whom is right on three quarters: what do they know together?

Digits of 8 x 8 pixels get three votes each. A panel of learning processes reads them, a student is
taught from the result, and a few labels are checked where that tells most.
"""

from sklearn.datasets import load_digits

from precocial.feedback import Panel, simulate_teachers
from precocial.normativity import NormLearner

X, y = load_digits(return_X_y=True)
X, truth = X / 16, y.astype(str)
said = simulate_teachers(y[:600], Panel(), classes=10, seed=0)
votes = (said.task, said.teacher, said.label)

learner = NormLearner(rounds=2, warm_start=True).fit(votes, X=X[:600])
print(learner.explain(learner.ask_next(1)[0]))
for checked in (0, 20):
    gold = {task: truth[int(task)] for task in learner.ask_next(checked)} if checked else {}
    learner.fit(votes, X=X[:600], gold=gold)
    best = max(one.accuracy for one in learner.teachers_)
    labels = (learner.labels_ == truth[:600]).mean()
    student = (learner.student_.predict(X[600:]) == truth[600:]).mean()
    print(f"{checked} checked: best teacher {best:.1%}, labels {labels:.1%}, student {student:.1%}")
