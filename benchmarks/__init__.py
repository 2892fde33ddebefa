"""Ascribe and Captum side by side: do the numbers agree, and what do they cost?

    pip install -c constraints.txt -e '.[bench]'
    python -m benchmarks --row recipe_resnet18

docs/performance.md says how to read what is printed.
"""
