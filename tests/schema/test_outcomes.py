"""The GraphQL errors of problems are made once for each problem, in bounded memory."""

from graphql_api.customers.fields import FIELDS
from graphql_api.customers.problems import TooLong
from graphql_api.schema.outcomes import field_errors


def test_each_problem_has_its_own_error_however_many_problems_there_are() -> None:
    problems = [TooLong(FIELDS[0], 50, length) for length in range(51, 2100)]

    errors = field_errors(problems)

    assert [error.message for error in errors] == [problem.message for problem in problems]
    again = field_errors(problems[-1:])
    assert again[0] is errors[-1]
    assert field_errors(problems[:1]) == errors[:1]
    assert field_errors(problems[:1])[0] is not errors[0]
