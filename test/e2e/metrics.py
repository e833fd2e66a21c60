# SPDX-License-Identifier: MIT
"""What Prometheus' own parser reads on standard input, as JSON: {"name{label=value,...}": value}.

It stands by no rule but the format's, so the rest of what a scraper wants is checked here.
"""
import json
import sys

from prometheus_client.parser import text_string_to_metric_families

seen = {}
names = set()
for family in text_string_to_metric_families(sys.stdin.read()):
    if family.name in names or family.type == "unknown" or not family.documentation:
        sys.exit(f"{family.name}: twice, or without its lines")
    names.add(family.name)
    for sample in family.samples:
        labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
        key = sample.name + (f"{{{labels}}}" if labels else "")
        if key in seen:
            sys.exit(f"{key}: twice")
        seen[key] = sample.value
print(json.dumps(seen))
