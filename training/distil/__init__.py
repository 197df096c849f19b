"""The built-in backbone's training: a small network learns to give the features of a large one."""
