import { graphql } from "./generated";

export const CREATE_CUSTOMER = graphql(`
  mutation CreateCustomer($input: CreateCustomerInput!, $idempotencyKey: String!) {
    createCustomer(input: $input, idempotencyKey: $idempotencyKey) {
      __typename
      ... on CreateCustomerSuccess {
        customer {
          ...ListedCustomer
        }
      }
      ... on CreateCustomerFailure {
        errors {
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
      }
      ... on IdempotencyConflict {
        message
      }
    }
  }
`);

export const CUSTOMERS = graphql(`
  query Customers($search: String, $after: String) {
    customers(first: 10, search: $search, after: $after) {
      nodes {
        ...ListedCustomer
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const LISTED_CUSTOMER = graphql(`
  fragment ListedCustomer on Customer {
    id
    name
    email
    description
    city
    country
    createdAt
  }
`);
