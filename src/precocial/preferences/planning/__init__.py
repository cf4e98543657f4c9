"""The recursion behind every planner, and its engines."""
