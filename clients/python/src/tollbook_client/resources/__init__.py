"""The resources of the API: `client.customers`, `client.subscriptions`, …"""
