"""A loop over Python's re. A first line of JSON has the expressions and the lines, each further one asks for a pass over them."""

import json
import re
import sys
import time
import warnings

# An expression of which Python warns is one that it reads in another way than RE2 does, such as [[:alpha:]].
warnings.simplefilter("error")


def compiled(expr):
    if "{," in expr:  # up to so many times here, text in RE2
        return None
    try:
        return re.compile(expr)
    except (re.error, Warning, OverflowError):
        return None


def run(rules, lines):
    found = []
    for number, line in enumerate(lines):
        for rule, expr in rules:
            if expr.search(line):
                found.append((number, rule))
    return found


def main():
    question = json.loads(sys.stdin.readline())
    tries = [(rule, compiled(expr)) for rule, expr in enumerate(question["exprs"])]
    rules = [(rule, expr) for rule, expr in tries if expr]
    print(json.dumps({"refused": [rule for rule, expr in tries if not expr]}), flush=True)
    for _ in sys.stdin:
        start = time.process_time_ns()
        found = run(rules, question["lines"])
        print(json.dumps({"ns": time.process_time_ns() - start, "pairs": found}), flush=True)


main()
