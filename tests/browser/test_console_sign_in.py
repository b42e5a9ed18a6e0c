"""Signing in and out, as somebody at a browser does it."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Opening, accessible
from tests.browser.house import COOKIE, PASSWORD, House


async def sign_in(page: Page, user: str, password: str) -> None:
    """Fill in the form, by keyboard."""
    await page.get_by_label("User name").fill(user)
    await page.get_by_label("Password").fill(password)
    await page.keyboard.press("Enter")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/me", "/admin"])
async def test_whoever_is_not_signed_in_is_asked_who_they_are(opened: Opening, path: str, theme: str) -> None:
    watched = await opened(path, user=None, theme=theme)
    await expect(watched.page.get_by_label("User name")).to_be_focused()
    await expect(watched.page.get_by_text("Acme", exact=True)).to_be_visible()
    await accessible(watched)
    await sign_in(watched.page, "nobody", "wrong")
    await expect(watched.page.get_by_role("main").get_by_role("alert")).to_contain_text(
        "User name or password is wrong"
    )
    await accessible(watched)


async def test_in_swedish(opened: Opening) -> None:
    watched = await opened("/", user=None, language="sv-SE")
    await expect(watched.page.get_by_label("Användarnamn")).to_be_visible()
    await expect(watched.page.locator("html")).to_have_attribute("lang", "sv")


async def test_a_wrong_password_says_the_same_as_an_unknown_name(opened: Opening) -> None:
    watched = await opened("/", user=None)
    said = []
    for user in ("karin", "nobody-of-that-name"):
        await sign_in(watched.page, user, "wrong horse")
        await expect(watched.page.get_by_role("main").get_by_role("alert")).not_to_be_empty()
        await expect(watched.page.get_by_label("Password")).to_have_value("")
        said.append(await watched.page.get_by_role("main").get_by_role("alert").inner_text())
    assert said[0] == said[1]


async def test_in_and_out_again_and_the_other_window_hears_of_it(opened: Opening, house: House) -> None:
    watched = await opened("/", user=None)
    await sign_in(watched.page, "karin", PASSWORD)
    await expect(watched.page.get_by_role("combobox", name="Search people")).to_be_visible()
    cookies = {each["name"]: each for each in await watched.context.cookies()}
    assert all(each["httpOnly"] and each["secure"] for each in cookies.values())
    session = cookies[COOKIE]["value"]
    assert await watched.page.evaluate("document.cookie") == ""
    other = await watched.context.new_page()
    await other.goto(f"{house.url}/")
    await expect(other.get_by_role("combobox", name="Search people")).to_be_visible()
    await sign_out(watched.page)
    await expect(watched.page.get_by_label("User name")).to_be_visible()
    await expect(other.get_by_text("Your sign-in has ended")).to_be_visible()
    assert house.ask("GET", "/api/v1/session", headers={"Cookie": f"{COOKIE}={session}"})[0] == 401


async def sign_out(page: Page) -> None:
    """By the page's menu."""
    await page.get_by_role("button", name="Signed in as Karin Mo").click()
    await page.get_by_role("button", name="Sign out").click()


async def test_a_login_that_is_taken_away_ends_what_is_open(opened: Opening, house: House) -> None:
    made = house.api("POST", "/users", {"user": "temp", "roles": ["attendant"], "password": PASSWORD})
    watched = await opened("/", user="temp")
    await expect(watched.page.get_by_role("combobox", name="Search people")).to_be_visible()
    house.api("DELETE", f"/users/{made['id']}")
    watched.expect("status of 401")
    await expect(watched.page.get_by_text("Your sign-in has ended")).to_be_visible()
    asked: list[str] = []
    watched.context.on("request", lambda request: asked.append(request.url))
    await watched.page.get_by_label("User name").fill("temp")
    await watched.page.evaluate("async () => { for (let n = 0; n < 5; n++) await fetch('/healthz') }")
    assert [url for url in asked if "/api/" in url] == []  # it had asked again and again, as fast as it was refused


@pytest.mark.parametrize(("user", "path"), [("bo", "/me"), ("lars", "/admin")])
async def test_the_plain_address_leads_to_the_page_that_is_ones_own(opened: Opening, user: str, path: str) -> None:
    watched = await opened("/", user=None)
    await sign_in(watched.page, user, PASSWORD)
    await watched.page.wait_for_url(f"**{path}")
    await expect(watched.page.get_by_role("navigation").first).to_be_visible()


@pytest.mark.parametrize(("path", "role"), [("/", "attendant"), ("/me", "person")])
async def test_a_role_that_is_taken_away_ends_its_page_and_no_other(
    opened: Opening, house: House, path: str, role: str
) -> None:
    user, roles = f"less-{role}", ["attendant", "person", "administrator"]
    made = house.api("POST", "/users", {"user": user, "roles": roles, "password": PASSWORD, "person": "2012"})
    watched = await opened(path, user=user)
    page = watched.page
    await expect(page.get_by_text("Live", exact=True) if path == "/" else page.get_by_text("Refer me")).to_be_visible()
    house.api("PATCH", f"/users/{made['id']}", {"roles": [each for each in roles if each != role]})
    watched.expect("status of 403")
    await expect(page.get_by_text("Your account may not use this page.")).to_be_visible()
    await page.get_by_role("link", name="Administration").click()
    await expect(page.get_by_role("heading", name="Health")).to_be_visible()
    house.api("DELETE", f"/users/{made['id']}")
    watched.expect("status of 401")


async def test_a_page_for_which_the_role_is_missing_says_so(opened: Opening) -> None:
    watched = await opened("/admin", user="bo")
    await expect(watched.page.get_by_text("Your account may not use this page.")).to_be_visible()
    await accessible(watched)


@pytest.mark.parametrize(("path", "role"), [("/", "attendant"), ("/me", "person"), ("/admin", "administrator")])
async def test_ones_own_password_is_changed_on_each_page(opened: Opening, house: House, path: str, role: str) -> None:
    user, new = f"own-{role}", "five quite new words here"
    body = {"user": user, "roles": [role], "password": PASSWORD, "person": "2012" if role == "person" else None}
    made = house.api("POST", "/users", body)
    watched = await opened(path, user=user)
    watched.expect("status of 40[13]")
    page = watched.page
    elsewhere = house.sign_in(user)
    await to_the_menu(page, path, user)
    await page.get_by_role("button", name="Change password").click()
    dialog = page.get_by_role("dialog", name="Change password")
    await expect(dialog.get_by_label("Present password")).to_be_focused()
    if path == "/":
        await expect(page.get_by_role("combobox", name="Language")).to_be_hidden()  # no menu above it
    await accessible(watched)
    for old, fresh, again, said in (
        ("wrong", new, new, "The present password is another one."),
        (PASSWORD, new, "other words than these", "The two new ones differ."),
        (PASSWORD, new, new, ""),
    ):
        await dialog.get_by_label("Present password").fill(old)
        await dialog.get_by_label("New password", exact=True).fill(fresh)
        await dialog.get_by_label("New password, again").fill(again)
        await page.keyboard.press("Enter")
        await expect(
            dialog.get_by_role("alert") if said else page.get_by_role("region", name="Messages")
        ).to_contain_text(said or "Your password is changed.")
    await expect(dialog).to_have_count(0)
    if path == "/":
        await to_the_menu(page, path, user)  # a menu that has gone
    await page.get_by_role("button", name="Change password").click()
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert house.ask("GET", "/api/v1/session", headers={"Cookie": f"{COOKIE}={elsewhere}"})[0] == 401
    assert house.sign_in(user, new)
    house.api("DELETE", f"/users/{made['id']}")
    await expect(page.get_by_label("User name")).to_be_visible()


async def to_the_menu(page: Page, path: str, user: str) -> None:
    """Where each page has what is about whoever is signed in."""
    if path == "/":
        await page.get_by_role("button", name=f"Signed in as {user}").click()
    elif path == "/me":
        await page.get_by_role("navigation").get_by_role("link", name="Yours").click()
    else:
        await page.locator("summary").filter(has_text=user).click()
