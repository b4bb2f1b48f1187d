"""All cases, and how to choose some."""
import random
import re

import actions
import controllers
import errors
import groups
import instructions
import match_fields
import messages
import meters

TABLES = (match_fields, actions, instructions, groups, meters, errors, messages, controllers)


def everything():
    cases = [case for table in TABLES for case in table.cases()]
    names = [case.id for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"two cases of one name: {twice}"
    return cases


def chosen(pattern=None, sample=None, seed=1, slow=True):
    """Those whose name contains the pattern; of these `sample` by chance, in the order of the tables."""
    cases = [case for case in everything() if (not pattern or re.search(pattern, case.id)) and (slow or "slow" not in case.tags)]
    if sample is not None and sample < len(cases):
        picked = set(random.Random(seed).sample(range(len(cases)), sample))
        cases = [case for number, case in enumerate(cases) if number in picked]
    return cases
