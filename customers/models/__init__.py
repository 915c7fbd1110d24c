from customers.models.customers import Customer
from customers.models.keys import ApiKey, IdempotentRequest
from customers.models.notices import Notice
from customers.models.sellers import Seller

__all__ = ["ApiKey", "Customer", "IdempotentRequest", "Notice", "Seller"]
