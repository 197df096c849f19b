"""What is deployed: `sam build`, then console and backbone put in, what nobody imports left out, bytecode, sizes.

Not called `packaging`: that name belongs to a library which pip and pytest import.
"""
