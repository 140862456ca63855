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

export const CUSTOMER = graphql(`
  query Customer($id: ID!) {
    customer(id: $id) {
      ...ListedCustomer
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
