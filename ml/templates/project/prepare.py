"""Writes the data set: rows to train on, rows to be judged on, and five to ask an endpoint about.

scikit-learn's breast cancer data stand in for yours: 10 measurements of a tumour, and whether it is malignant.
"""

# Pandas and scikit-learn come without types.
# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false

import argparse
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

TARGET = "malignant"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("data"), help="folder to write into")
    folder = parser.parse_args().output
    rows, benign = load_breast_cancer(return_X_y=True, as_frame=True)
    rows = rows.filter(like="mean ").rename(columns=lambda name: name.replace(" ", "_")).assign(**{TARGET: 1 - benign})
    train, test = train_test_split(rows, test_size=0.3, stratify=rows[TARGET], random_state=0)
    for name, part in (("train", train), ("test", test)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        part.to_csv(folder / name / f"{name}.csv", index=False)
    test.drop(columns=TARGET).head(5).to_csv(folder / "rows.csv", index=False)


if __name__ == "__main__":
    main()
