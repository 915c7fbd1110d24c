from django.urls import path

from access.api.approval_requests import ApprovalRequests

urlpatterns = [
    path("approval-requests", ApprovalRequests.route("list_all"), name="approval_requests"),
    path("approval-requests/<int:number>", ApprovalRequests.route("read"), name="approval_request"),
    path(
        "approval-requests/<int:number>/withdraw",
        ApprovalRequests.route("withdraw"),
        name="approval_request_withdraw",
    ),
]
