"""Refusals as exceptions, which the problem handler turns into application/problem+json."""

from rest_framework import status
from rest_framework.exceptions import APIException


class ConflictError(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class UnprocessableError(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "unprocessable"


class TooLargeError(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class NotFoundError(APIException):
    status_code = status.HTTP_404_NOT_FOUND
    default_code = "not_found"
