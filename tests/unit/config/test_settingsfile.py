"""The settings file as a page reads, judges and writes it: on real files, with what nobody should send."""

import os
import stat
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from backsoon.config.judging import Wish
from backsoon.config.replacing import Replacement
from backsoon.config.settingsfile import Proposal, SettingsFile
from backsoon.domain.settingserrors import NotInTheFile, NotWritable, SettingsChanged, SettingsFaulty

ONE = """\
# ours
data_folder = "data"
[organisation]
name = "Acme"
zone = "UTC"   # the zone

[calendars.main]
kind = "caldav"
url = "https://dav.example/{email}/"
username = "reader"
password = "file:calendar.secret"

[calendars.feed]
kind = "ics"
url = "https://feeds.example/canary-token.ics"

[switchboards.main]
kind = "asterisk"
username = "backsoon"
secret = "env:AMI_SECRET"
"""
SEVERAL = """\
[organisations.acme]
name = "Acme"
zone = "UTC"
[organisations.acme.calendars.main]
kind = "caldav"
url = "https://dav.example/{email}/"

[organisations.other]
name = "Other canary"
zone = "UTC"
[organisations.other.switchboards.main]
kind = "asterisk"
username = "canary"
secret = "file:canary.secret"
"""
WARN = Wish("organisation.warn_before_minutes", 30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "backsoon.toml"
    made.write_text(ONE)
    (tmp_path / "calendar.secret").write_text("canary-password")
    return made


def wish(field: str, value: Any) -> Wish:
    return Wish(field, value)


def write(path: Path, *wishes: Wish, organisation: str = "main", **environment: str) -> Proposal:
    file = SettingsFile(path, environment)
    return file.write(organisation, wishes, file.read().etag)


def faults(path: Path, *wishes: Wish, organisation: str = "main", **environment: str) -> dict[str, str]:
    found = SettingsFile(path, environment).propose(organisation, wishes)
    return {one.field: f"{one.what}; {one.remedy}" for one in found.faults}


class TestLooking:
    def test_fields_are_told_and_secrets_are_not(self, path: Path) -> None:
        view = SettingsFile(path, {}).view("main")
        assert view.fields["organisation.zone"] == "UTC"
        assert view.fields["calendars.main.url"] == "https://dav.example/{email}/"
        assert (view.secrets["calendars.main.password"].reference, view.secrets["calendars.main.password"].set) == (
            "file:calendar.secret",
            True,
        )
        assert view.secrets["switchboards.main.secret"].set is False
        assert view.secrets["calendars.feed.url"].reference == "https://feeds.example/..."
        assert "canary" not in repr(view)

    def test_a_secret_that_went_astray_is_not_told(self, path: Path) -> None:
        path.write_text(ONE.replace("env:AMI_SECRET", "canary"))
        assert "canary" not in repr(SettingsFile(path, {}).view("main"))

    def test_what_the_environment_says_is_fixed(self, path: Path) -> None:
        view = SettingsFile(path, {"BACKSOON_ORGANISATION__ZONE": "Europe/Oslo"}).view("main")
        assert view.fields["organisation.zone"] == "Europe/Oslo"
        assert "BACKSOON_ORGANISATION__ZONE" in view.fixed["organisation.zone"]
        told = faults(path, wish("organisation.zone", "UTC"), BACKSOON_ORGANISATION__ZONE="Europe/Oslo")
        assert "environment" in told["organisation.zone"]

    def test_of_several_organisations_only_ones_own(self, path: Path) -> None:
        path.write_text(SEVERAL)
        view = SettingsFile(path, {}).view("acme")
        assert "canary" not in repr(view)
        assert set(view.fields) == {
            "organisations.acme.name",
            "organisations.acme.zone",
            "organisations.acme.calendars.main.kind",
            "organisations.acme.calendars.main.url",
        }

    @pytest.mark.parametrize("text", [ONE, SEVERAL])
    def test_an_organisation_that_the_file_does_not_have_sees_nothing(self, path: Path, text: str) -> None:
        path.write_text(text)
        with pytest.raises(NotInTheFile):
            SettingsFile(path, {}).view("elsewhere")
        with pytest.raises(NotInTheFile):
            SettingsFile(path, {}).propose("elsewhere", [WARN])


class TestWriting:
    def test_what_is_written_is_there_and_the_former_one_beside_it(self, path: Path) -> None:
        proposal = write(path, WARN)
        assert [(d.field, d.before, d.after) for d in proposal.differences] == [
            ("organisation.warn_before_minutes", "", "30")
        ]
        assert tomllib.loads(path.read_text())["organisation"]["warn_before_minutes"] == 30
        assert "# the zone" in path.read_text()
        assert (path.parent / "backsoon.toml.before").read_text() == ONE
        assert sorted(one.name for one in path.parent.iterdir()) == [
            "backsoon.toml",
            "backsoon.toml.before",
            "calendar.secret",
        ]

    def test_a_file_that_was_edited_meanwhile_is_not_overwritten(self, path: Path) -> None:
        file = SettingsFile(path, {})
        etag = file.read().etag
        path.write_text(ONE + "# by hand\n")
        with pytest.raises(SettingsChanged):
            file.write("main", [WARN], etag)
        assert path.read_text().endswith("# by hand\n")

    def test_faults_stand_beside_their_fields_and_nothing_is_written(self, path: Path) -> None:
        with pytest.raises(SettingsFaulty) as error:
            write(path, wish("organisation.zone", "Mars/Base"), wish("organisation.warn_before_minutes", -1))
        assert {one.field for one in error.value.faults} == {
            "organisation.zone",
            "organisation.warn_before_minutes",
        }
        assert path.read_text() == ONE

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
    def test_the_mode_stays(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        write(path, WARN)
        assert stat.S_IMODE(path.stat().st_mode) == mode

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_the_owner_stays(self, path: Path) -> None:
        os.chown(path, 12345, 23456)
        write(path, WARN, wish("switchboards.main.secret", "new"))
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)
        (secret,) = (path.parent / "secrets").iterdir()
        assert secret.stat().st_uid == 12345

    def test_a_link_stays_one(self, path: Path, tmp_path: Path) -> None:
        folder = tmp_path / "etc"
        folder.mkdir()
        link = folder / "backsoon.toml"
        link.symlink_to(path)
        write(link, WARN)
        assert link.is_symlink()
        assert "warn_before_minutes" in path.read_text()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_where_it_cannot_be_written_it_is_said_what_to_do(self, path: Path) -> None:
        path.parent.chmod(0o500)
        try:
            view = SettingsFile(path, {}).view("main")
            assert not view.writable
            assert "backsoon apply" in view.remedy
            with pytest.raises(NotWritable):
                write(path, WARN)
        finally:
            path.parent.chmod(0o700)

    def test_a_write_that_is_cut_off_leaves_one_of_the_two(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """At every single call that touches the disk."""
        calls = ("fsync", "fchmod")
        for number in range(12):
            path.write_text(ONE)
            left = number

            def cut(*given: Any, real: Any, **more: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise OSError(28, "No space left on device")
                return real(*given, **more)

            with monkeypatch.context() as patch:
                for name in calls:
                    real = getattr(os, name)
                    patch.setattr(os, name, lambda *g, real=real, **m: cut(*g, real=real, **m))
                with suppress(NotWritable):
                    write(path, WARN, wish("switchboards.main.secret", "new"))
            text = path.read_text()
            assert text == ONE or tomllib.loads(text)["organisation"]["warn_before_minutes"] == 30
            assert SettingsFile(path, {"AMI_SECRET": "x"}).view("main").secrets["switchboards.main.secret"].set
            assert not [one for one in path.parent.iterdir() if one.name.endswith(".new")]

    def test_two_who_write_at_once_wait_for_each_other(self, path: Path) -> None:
        import threading

        file, done = SettingsFile(path, {}), threading.Event()
        etag = file.read().etag

        def other() -> None:
            file.write("main", [WARN], etag)
            done.set()

        with Replacement(path):
            thread = threading.Thread(target=other)
            thread.start()
            assert not done.wait(0.2)
            assert path.read_text() == ONE
        thread.join(10)
        assert done.is_set()


class TestSecrets:
    def test_a_secret_goes_into_a_file_of_its_own(self, path: Path) -> None:
        proposal = write(path, wish("switchboards.main.secret", "canary-new"))
        (secret,) = (path.parent / "secrets").iterdir()
        assert secret.read_text() == "canary-new"
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700
        assert f'secret = "file:secrets/{secret.name}"' in path.read_text()
        assert [(d.before, d.after) for d in proposal.differences] == [("(secret)", "(secret)")]
        assert "canary-new" not in path.read_text() + repr(proposal)

    def test_of_secrets_that_were_made_here_the_present_and_the_former_are_kept(self, path: Path) -> None:
        foreign = path.parent / "secrets"
        for number in range(4):
            write(path, wish("switchboards.main.secret", f"number {number}"))
            (foreign / "by-hand").write_text("x")
        kept = {one.read_text() for one in foreign.iterdir()}
        assert kept == {"number 3", "number 2", "x"}

    @pytest.mark.parametrize(
        "value", ["env:HOME", "file:/etc/shadow", "credential:x", "a\nb", "\0", "", 5, ["x"], "x" * 70_000]
    )
    def test_what_is_no_secret(self, path: Path, value: Any) -> None:
        assert "switchboards.main.secret" in faults(path, wish("switchboards.main.secret", value))

    @pytest.mark.parametrize(
        "moved",
        [
            ("calendars.main.url", "https://evil.example/{email}/"),
            ("calendars.main.username", "x"),
            ("calendars.main.sign_in", "basic"),
        ],
    )
    def test_a_secret_that_nobody_sees_is_sent_nowhere_else(self, path: Path, moved: tuple[str, str]) -> None:
        assert "written again" in faults(path, wish(*moved))["calendars.main.password"]
        assert not faults(path, wish(*moved), wish("calendars.main.password", "new"))

    def test_a_switchboard_that_moves_needs_its_secret_again(self, path: Path) -> None:
        for field, value in (("host", "evil.example"), ("port", 1), ("tls", False), ("ca_file", None)):
            told = faults(path, wish(f"switchboards.main.{field}", value))
            assert ("switchboards.main.secret" in told) is (value is not None)

    @pytest.mark.parametrize("field", ["calendars.feed.url", "calendars.main.url"])
    def test_no_field_can_be_made_a_reference(self, path: Path, field: str) -> None:
        for value in ("env:AMI_SECRET", "file:/etc/passwd", "credential:x"):
            for blanks in ("", " ", "\t\n", "\x1f", "\u2028"):
                assert field in faults(path, wish(field, f"{blanks}{value}{blanks}"))

    @pytest.mark.parametrize("value", [{"a": "file:/etc/shadow"}, [{"a": [" env:AMI_SECRET"]}], ["x", "credential:x"]])
    def test_nor_anything_within_a_field(self, path: Path, value: Any) -> None:
        assert "names where" in faults(path, wish("calendars.plug.options", value))["calendars.plug.options"]

    def test_a_secret_of_the_environments_is_sent_nowhere_else(self, path: Path) -> None:
        lines = path.read_text().replace('password = "file:calendar.secret"\n', "").replace('username = "reader"\n', "")
        path.write_text(lines)
        said = {"BACKSOON_CALENDARS__MAIN__PASSWORD": "env:P", "BACKSOON_CALENDARS__MAIN__USERNAME": "reader"}
        assert not faults(path, WARN, **said)
        told = faults(path, wish("calendars.main.url", "https://evil.example/{email}/"), **said)
        assert "written again" in told["calendars.main.password"]

    def test_whatever_of_a_plug_in_says_where_does(self, path: Path) -> None:
        path.write_text(ONE + '\n[switchboards.pbx]\nkind = "pbx"\nserver = "pbx.example"\napi_token = "env:T"\n')
        told = faults(path, wish("switchboards.pbx.server", "evil.example"))
        assert "written again" in told["switchboards.pbx.api_token"]

    def test_a_key_file_can_be_given_whole(self, path: Path) -> None:
        pem = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"
        values = {
            "kind": "graph",
            "tenant": "example.onmicrosoft.com",
            "client_id": "00000000-0000-0000-0000-000000000000",
            "certificate": pem,
        }
        write(path, *(wish(f"calendars.cloud.{key}", value) for key, value in values.items()))
        config = tomllib.loads(path.read_text())
        place = path.parent / config["calendars"]["cloud"]["certificate"]
        assert place.read_text() == pem
        assert stat.S_IMODE(place.stat().st_mode) == 0o600

    def test_an_account_that_has_files_of_the_machine_shown_to_somebody_is_none(self, path: Path) -> None:
        source = '"credential_source": {"file": "/etc/shadow"}, "token_url": "https://evil.example"'
        for value in (
            f'{{"type": "external_account", {source}}}',
            f'{{"type": "service_account", "type": "external_account", {source}}}',
            f'{{"type": "\\u0065xternal_account", {source}}}',
            '{"type": ["service_account"]}',
            "{" + '"a":{' * 3000,
            "{",
            "-----BEGIN",
        ):
            told = faults(path, wish("calendars.g.kind", "google"), wish("calendars.g.credentials", value))
            assert "no key" in told["calendars.g.credentials"]

    def test_nor_is_it_by_the_file_of_another_secret(self, path: Path) -> None:
        write(path, wish("switchboards.main.secret", '{"type": "external_account"}'))
        (secret,) = (path.parent / "secrets").iterdir()
        for value in (f"secrets/{secret.name}", str(secret), f" ./secrets/../secrets/{secret.name} "):
            for field in ("calendars.g.credentials", "calendars.main.ca_file"):
                told = faults(path, wish("calendars.g.kind", "google"), wish(field, value))
                assert "another secret" in told[field]
        write(path, wish("calendars.main.ca_file", "-----BEGIN CERTIFICATE-----"), wish("calendars.main.password", "x"))
        present = tomllib.loads(path.read_text())["calendars"]["main"]["ca_file"]
        assert not faults(path, wish("calendars.main.ca_file", present)), "it stays as it is"

    def test_a_key_of_googles_is_kept_as_it_will_be_read(self, path: Path) -> None:
        value = ' {"type": "external_account", "type": "service_account", "client_email": "a@b"}\n'
        write(path, wish("calendars.g.kind", "google"), wish("calendars.g.credentials", value))
        place = path.parent / tomllib.loads(path.read_text())["calendars"]["g"]["credentials"]
        assert place.read_text() == '{"type": "service_account", "client_email": "a@b"}'


class TestHostile:
    @pytest.mark.parametrize(
        "field",
        [
            "data_folder",
            "store",
            "socket",
            "speech",
            "organisation",
            "organisation.id",
            "organisations.other.name",
            "calendars",
            "",
            "..",
            "a b",
            "\u202e",
            "x" * 1000,
            'organisation."quo\\"te"',
            "sign_in.entra.client_secret",
            "api.listen",
            "api.behind_proxy",
        ],
    )
    def test_what_a_page_does_not_change(self, path: Path, field: str) -> None:
        assert faults(path, wish(field, "sh -c evil"))

    @pytest.mark.parametrize(
        "field",
        [
            "organisations.other.name",
            "organisations.other",
            "organisations",
            "log_level",
            "api.listen",
            "calendars.main.url",
            "organisations.acme",
        ],
    )
    def test_of_several_nobody_changes_what_is_not_theirs(self, path: Path, field: str) -> None:
        path.write_text(SEVERAL)
        assert faults(path, wish(field, None), organisation="acme")
        assert faults(path, wish(field, "x"), organisation="acme")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("calendars.g.credentials", "/etc/backsoon/other.json"),
            ("calendars.main.ca_file", "/etc/passwd"),
            ("calendars.main.url", "/etc/other.ics"),
            ("calendars.main.url", "file:///etc/other.ics"),
            ("calendars.main.url", " file:///etc/other.ics"),
            ("calendars.main.url", "file:///etc/other.ics\n"),
        ],
    )
    def test_of_several_nobody_names_a_file_of_the_machine(self, path: Path, field: str, value: str) -> None:
        path.write_text(SEVERAL)
        assert f"organisations.acme.{field}" in faults(
            path, wish(f"organisations.acme.{field}", value), organisation="acme"
        )

    def test_a_fault_of_others_is_told_without_what_it_is(self, path: Path) -> None:
        path.write_text(SEVERAL.replace("zone", "zoe"))
        found = SettingsFile(path, {}).propose("acme", [wish("organisations.acme.zone", "UTC")]).faults
        assert any(one.what == "the settings of another organisation have a fault" for one in found)
        assert not [one for one in found if "other." in one.field + one.what + one.remedy]

    @pytest.mark.parametrize("value", ["\ud800", "x" * 30_000, float("nan"), 10**30, {"a": {"b": {"c": {"d": {}}}}}])
    def test_a_value_that_cannot_be_written(self, path: Path, value: Any) -> None:
        assert faults(path, wish("organisation.name", value))

    def test_a_text_with_anything_in_it_is_that_text(self, path: Path) -> None:
        nasty = 'Acme"\n[organisation]\nname = "evil" # \u202e \\ \x7f \x1b[2J \r'
        write(path, wish("organisation.name", nasty))
        assert tomllib.loads(path.read_text())["organisation"]["name"] == nasty

    def test_a_table_with_a_secret_in_it_is_refused(self, path: Path) -> None:
        assert faults(path, wish("calendars.x", {"kind": "caldav", "password": "canary"}))
