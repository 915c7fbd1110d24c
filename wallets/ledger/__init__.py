"""
Movements of prepaid value: grant, spend, hold, expire, give back.

Every operation locks the wallets that it moves, works on the state read under the lock, and writes the movements with
the new balances in one statement.
"""
