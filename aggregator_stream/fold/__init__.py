"""The window fold and the policy: pure, the same at work, in verification and in tests."""
