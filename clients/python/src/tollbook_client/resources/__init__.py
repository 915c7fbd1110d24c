"""What the API has, by name: `client.customers`, `client.subscriptions`, …"""
