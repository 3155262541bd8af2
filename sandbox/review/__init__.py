"""Review: rules on the plan, its cost and the noisy answer, then votes of people. Pure; it never sees a row."""
