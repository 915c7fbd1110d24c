"""
Prepaid value that moves: granted, spent, held, expired, taken back.

Every operation locks the wallets it moves, works on what it read under the lock, and writes the movement with the new
balances in one statement.
"""
