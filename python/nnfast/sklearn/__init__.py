"""Networks as scikit-learn estimators: `NNClassifier` and `NNRegressor`.

    from nnfast.sklearn import NNClassifier
    model = NNClassifier(random_state=0).fit(X, y)

`import nnfast` does not import this package; it needs scikit-learn >= 1.6.
"""

from nnfast import extras

if not hasattr(
    extras.load("sklearn.utils.validation", extra="sklearn", purpose="nnfast.sklearn"),
    "validate_data",
):
    raise ImportError(
        "nnfast.sklearn needs scikit-learn 1.6 or newer; install it with: "
        'pip install "nnfast[sklearn]"'
    )

from nnfast.sklearn.base import InconsistentVersionWarning
from nnfast.sklearn.classifier import NNClassifier
from nnfast.sklearn.regressor import NNRegressor

__all__ = ["InconsistentVersionWarning", "NNClassifier", "NNRegressor"]
