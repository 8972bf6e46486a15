"""Properties that the local run does not look at, or that change nothing there: what AWS makes of them is right."""

from __future__ import annotations

from template_reading import Template, of_type, only, text


def test_the_workgroup_goes_although_it_has_queries(data: Template) -> None:
    assert only(data, "AWS::Athena::WorkGroup")["RecursiveDeleteOption"] is True


def test_database_and_tables_are_in_the_catalog_of_the_account(data: Template) -> None:
    found = [*of_type(data, "AWS::Glue::Database").values(), *of_type(data, "AWS::Glue::Table").values()]
    assert len(found) > 10
    assert {text(each["CatalogId"]) for each in found} == {"<AWS::AccountId>"}


def test_every_permission_is_for_a_function_of_the_template_and_one_source(templates: dict[str, Template]) -> None:
    permissions = 0
    for template in templates.values():
        functions = set(of_type(template, "AWS::Lambda::Function"))
        for permission in of_type(template, "AWS::Lambda::Permission").values():
            permissions += 1
            assert text(permission["FunctionName"]).strip("<>").removesuffix(".Arn") in functions
            source = text(permission["SourceArn"])
            if permission["Principal"] == "events.amazonaws.com":
                assert source.strip("<>").removesuffix(".Arn") in of_type(template, "AWS::Events::Rule")
            else:
                assert source.endswith(":alarm:tracelake-main-*")
    assert permissions >= 6


def test_every_rule_may_invoke_what_it_aims_at(templates: dict[str, Template]) -> None:
    for template in templates.values():
        allowed = {
            (text(permission["SourceArn"]), text(permission["FunctionName"]))
            for permission in of_type(template, "AWS::Lambda::Permission").values()
        }
        for id, rule in of_type(template, "AWS::Events::Rule").items():
            # where there is a role, as there is for a stream, it needs no permission of the target
            for target in (each for each in rule["Targets"] if "RoleArn" not in each):
                assert (f"<{id}.Arn>", text(target["Arn"])) in allowed, id


def test_every_function_has_the_processor_and_runtime_its_layer_is_built_for(templates: dict[str, Template]) -> None:
    for template in templates.values():
        layers = list(of_type(template, "AWS::Lambda::LayerVersion").values())
        for function in of_type(template, "AWS::Lambda::Function").values():
            (layer,) = layers
            assert function["Architectures"] == layer["CompatibleArchitectures"]
            assert [function["Runtime"]] == layer["CompatibleRuntimes"]
            # what a new account may give a function
            assert 128 <= function["MemorySize"] <= 3008


def test_log_groups_of_functions_forget(templates: dict[str, Template]) -> None:
    for template in templates.values():
        assert {group["RetentionInDays"] for group in of_type(template, "AWS::Logs::LogGroup").values()} <= {30}
