"""
Values computed from an event's properties, in CEL: `input_tokens + 4 * output_tokens`.

The grammar, and so what binds tighter, is a maintained library's. The arithmetic is ours, since the library's numbers
are doubles and 64-bit integers: here they are exact. docs/metering.md says what differs from CEL.
"""

from plans.aggregation.expressions.compiler import Expression, compile_expression
from plans.aggregation.expressions.nodes import InvalidExpression
from plans.aggregation.expressions.values import NoValue

__all__ = ["Expression", "InvalidExpression", "NoValue", "compile_expression"]
