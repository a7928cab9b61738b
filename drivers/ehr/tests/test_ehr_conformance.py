"""The simulator passes the conformance tests of its kind."""

from datetime import timedelta

import pytest

from serai_ehr.conformance import SPECIMEN_MOMENT, EhrSourceConformance
from serai_ehr.demo.company import Company
from serai_ehr.demo.driver import EPOCH, DemoSource


class TestDemo(EhrSourceConformance):
    @pytest.fixture
    def moments(self):
        return [SPECIMEN_MOMENT]

    @pytest.fixture
    def source(self, moments):
        return DemoSource(Company(size=120, seed=7, epoch=EPOCH), lambda: moments[-1])

    @pytest.fixture
    def change(self, moments):
        async def pass_a_week():
            moments.append(moments[-1] + timedelta(days=7))

        return pass_a_week
