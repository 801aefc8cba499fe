"""Whether traffic was split as it should have been: a sample ratio mismatch says that something else is broken.

A variant that loses requests, or whose captures or truth are missing more often, makes any comparison worthless. The
test is sequential and exact: the mixture of the binomial likelihood over Beta(k w, k (1 - w)) divided by the likelihood
at the intended share w is a martingale, which reaches 1/alpha with probability at most alpha.
Lindon, Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, https://arxiv.org/abs/2011.03567,
section 2. The chi-squared test beside it (Fabijan et al., "Diagnosing sample ratio mismatch in online controlled
experiments", KDD 2019) is right for one look alone.
"""

import math
from dataclasses import dataclass

ALPHA = 0.001
"""Probability, over all looks, of calling a good split broken. As small as users of the test have it: nothing else is
believed after it."""
_CONCENTRATION = 100.0
"""How near to the intended share the mixture looks for deviations: within about a tenth."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """How many observations went where.

    intended: the challenger's share, by the weights. p_value: at any time, however often one looks; at most ALPHA with
    probability at most ALPHA. chi_squared_p_value: of a single look.
    """

    main: int
    challenger: int
    intended: float
    p_value: float
    chi_squared_p_value: float

    @property
    def broken(self) -> bool:
        """Whether the traffic was not split as intended."""
        return self.p_value <= ALPHA

    @property
    def observed(self) -> float:
        """The challenger's share; NaN of no observation."""
        total = self.main + self.challenger
        return self.challenger / total if total else math.nan


def check_split(main: int, challenger: int, intended: float) -> Split:
    """Compare a split with the intended share of the challenger, above 0 and below 1."""
    total = main + challenger
    a, b = _CONCENTRATION * intended, _CONCENTRATION * (1 - intended)
    mixture = _log_beta(a + challenger, b + main) - _log_beta(a, b)
    evidence = mixture - challenger * math.log(intended) - main * math.log(1 - intended)
    expected = (total * (1 - intended), total * intended)
    chi_squared = (
        sum((seen - wanted) ** 2 / wanted for seen, wanted in zip((main, challenger), expected, strict=True))
        if total
        else 0.0
    )
    return Split(
        main=main,
        challenger=challenger,
        intended=intended,
        p_value=math.exp(-max(0.0, evidence)),
        # The upper tail of chi-squared with one degree of freedom.
        chi_squared_p_value=math.erfc(math.sqrt(chi_squared / 2)),
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
