"""Write powers that are correctly rounded: x, y and x**y as hexadecimal doubles.

    python3 make.py > pow.csv

decimal calculates 60 digits; converting them to a double rounds once.
"""

import decimal
import random

decimal.getcontext().prec = 60
decimal.getcontext().Emax = 10**6
decimal.getcontext().Emin = -(10**6)


def power(x, y):
    return float(decimal.Decimal(x) ** decimal.Decimal(y))


def main():
    source = random.Random(20261115)
    cases = []
    for _ in range(1000):  # near 1, where x**y - 1 cancels
        cases.append((1 + source.uniform(-1, 1) * 10 ** source.uniform(-14, -1), source.uniform(-6, 6)))
    for _ in range(1000):  # what power transforms see
        cases.append((source.lognormvariate(0, 3), source.uniform(-4, 4)))
    for _ in range(500):  # everything else that is finite
        x = 10 ** source.uniform(-300, 300)
        cases.append((x, source.uniform(-290, 290) / max(1, abs(decimal.Decimal(x).adjusted()))))
    for x, y in cases:
        print(",".join(value.hex() for value in (x, y, power(x, y))))


main()
