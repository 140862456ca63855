// Every request that the page sends. Each has a name of its own, which the server's log shows.

import { graphql } from "../generated";

export const CUSTOMER_FIELDS = graphql(`
  fragment CustomerFields on Customer {
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
    version
  }
`);

export const CUSTOMERS = graphql(`
  query Customers(
    $first: Int
    $after: String
    $last: Int
    $before: String
    $search: String
    $filter: CustomerFilter
    $orderBy: CustomerOrder!
  ) {
    customers(
      first: $first
      after: $after
      last: $last
      before: $before
      search: $search
      filter: $filter
      orderBy: $orderBy
    ) {
      nodes {
        ...CustomerFields
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }
`);

export const CUSTOMER_COUNT = graphql(`
  query CustomerCount($search: String, $filter: CustomerFilter) {
    customers(first: 1, search: $search, filter: $filter) {
      totalCount {
        count
        precision
      }
    }
  }
`);

export const CUSTOMER = graphql(`
  query Customer($id: ID!) {
    customer(id: $id) {
      ...CustomerFields
    }
  }
`);

export const FIELD_RULES = graphql(`
  query FieldRules {
    customerFieldRules {
      name
      label
      required
      minLength
      maxLength
      allowed
      example
    }
  }
`);

// One query for each scope. Nothing is stored.
export const RIGHTS = graphql(`
  query Rights {
    customers(first: 1) {
      nodes {
        id
      }
    }
    validateCustomer(input: { email: "" }) {
      __typename
    }
  }
`);

// One fragment for each kind of error: `... on FieldError` also covers the kinds that are added later.
export const FIELD_ERRORS = graphql(`
  fragment FieldErrors on CustomerFieldError {
    __typename
    ... on RequiredFieldError {
      path
      message
    }
    ... on TooShortError {
      path
      message
    }
    ... on TooLongError {
      path
      message
    }
    ... on InvalidFormatError {
      path
      message
    }
    ... on WrongTypeError {
      path
      message
    }
    ... on EmailTakenError {
      path
      message
    }
    ... on DuplicateInListError {
      path
      message
    }
    ... on FieldError {
      path
      message
    }
  }
`);

export const VALIDATE_CUSTOMER = graphql(`
  query ValidateCustomer($input: CreateCustomerInput!, $id: ID) {
    validateCustomer(input: $input, id: $id) {
      ...FieldErrors
    }
  }
`);

export const CREATE_CUSTOMER = graphql(`
  mutation CreateCustomer($input: CreateCustomerInput!, $idempotencyKey: String!) {
    createCustomer(input: $input, idempotencyKey: $idempotencyKey) {
      __typename
      ... on CreateCustomerSuccess {
        customer {
          ...CustomerFields
        }
      }
      ... on CreateCustomerFailure {
        errors {
          ...FieldErrors
        }
      }
      ... on IdempotencyConflict {
        message
      }
    }
  }
`);

export const UPDATE_CUSTOMER = graphql(`
  mutation UpdateCustomer($id: ID!, $input: UpdateCustomerInput!, $ifVersion: Int!) {
    updateCustomer(id: $id, input: $input, ifVersion: $ifVersion) {
      __typename
      ... on UpdateCustomerSuccess {
        customer {
          ...CustomerFields
        }
      }
      ... on UpdateCustomerFailure {
        errors {
          ...FieldErrors
        }
      }
      ... on CustomerNotFound {
        message
      }
      ... on CustomerChanged {
        current {
          ...CustomerFields
        }
      }
    }
  }
`);

export const DELETE_CUSTOMER = graphql(`
  mutation DeleteCustomer($id: ID!, $ifVersion: Int!) {
    deleteCustomer(id: $id, ifVersion: $ifVersion) {
      __typename
      ... on DeleteCustomerSuccess {
        id
      }
      ... on CustomerNotFound {
        message
      }
      ... on CustomerChanged {
        current {
          ...CustomerFields
        }
      }
    }
  }
`);

export const CUSTOMER_EVENTS = graphql(`
  subscription CustomerEvents($after: String) {
    customerEvents(after: $after) {
      __typename
      ... on CustomerCreated {
        customer {
          id
        }
      }
      ... on CustomerUpdated {
        customer {
          ...CustomerFields
        }
      }
      ... on CustomerDeleted {
        id
      }
    }
  }
`);
