"""What a quote says of its plan and of what is known of each column's error."""

from xml.etree import ElementTree as ET

import pytest
from service_world import MEAN, request

from sandbox.service import check_query

WIDE = "select sex, count(*) as n, median(age) as middle, count(*) / 2 as half, upper(sex) as label from clinic.visits group by sex"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_plan_is_drawn_only_where_it_is_asked_for(world, language):
    plain = check_query.check(world.enclave, world.ann, request(MEAN)).to_json()
    drawn = check_query.check(world.enclave, world.ann, request(MEAN), language).to_json()
    assert "picture" not in plain
    picture = drawn.pop("picture")
    assert drawn == plain
    assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert ("每个单元" in picture) is (language == "zh")
    assert world.kinds()[-2:] == ["query.checked", "query.checked"]


def test_columns_without_a_known_interval_are_told_from_keys(world):
    errors = {
        item["column"]: item for item in check_query.check(world.enclave, world.ann, request(WIDE)).to_json()["errors"]
    }
    assert {name: (item["noisy"], item["half_width"] is not None) for name, item in errors.items()} == {
        "sex": (False, False),
        "n": (True, True),
        "middle": (True, False),
        "half": (True, True),
        "label": (False, False),
    }
