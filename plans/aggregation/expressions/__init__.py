"""
Values computed from an event's properties, in CEL: `input_tokens + 4 * output_tokens`.

The grammar, including operator precedence, is that of a maintained library. The arithmetic is our own, because the
library computes in doubles and 64-bit integers and this must be exact. docs/metering.md lists the differences from
CEL.
"""

from plans.aggregation.expressions.compiler import Expression, compile_expression
from plans.aggregation.expressions.nodes import InvalidExpression
from plans.aggregation.expressions.values import NoValue

__all__ = ["Expression", "InvalidExpression", "NoValue", "compile_expression"]
