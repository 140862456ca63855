"""The example that explorers find in GraphiQL: the specification's customer, created."""

from ..customers.fields import FIELDS

EXAMPLE_OPERATION = """\
mutation CreateCustomer($input: CreateCustomerInput!) {
  createCustomer(input: $input) {
    __typename
    ... on CreateCustomerSuccess {
      replayed
      customer {
        id
        name
        email
        description
        sendEmailAddress
        ccEmailAddress
        country
        addressLine1
        addressLine2
        city
        state
        zipCode
        phoneNumber
        createdAt
        updatedAt
      }
    }
    ... on CreateCustomerFailure {
      errors {
        __typename
        ... on FieldError {
          field
          path
          message
        }
      }
    }
    ... on IdempotencyConflict {
      message
    }
  }
}
"""

EXAMPLE_VARIABLES = {"input": {field.public_name: field.rule.example for field in FIELDS}}
