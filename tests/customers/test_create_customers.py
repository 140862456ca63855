"""What the creation of a list asks of the store."""

from graphql_api.customers.create_customers import ErrorPolicy, create_customers
from graphql_api.customers.problems import Rejected

from ..support.scripted_customers import Script, ScriptedCustomers


async def test_one_invalid_customer_of_a_list_as_a_whole_prevents_every_addition() -> None:
    customers = ScriptedCustomers(Script(add=[], get=[], created_with=[]))
    inputs = [{"email": "ann@example.com"}, {"email": "ann"}]

    outcomes = await create_customers(customers, inputs, ErrorPolicy.CREATE_NONE, None)

    valid, invalid = outcomes
    assert valid == Rejected(())
    assert isinstance(invalid, Rejected)
    assert invalid.problems
    assert customers.asked == []
