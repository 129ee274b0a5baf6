"""Books: list, add, get, change, and their covers."""

from uuid import uuid4

from projects_api.contract import File
from tests.contract_engine.library.rules import BookNotFound, ShelfBroken


def list_books(books, limit, lent=None):
    found = [one for one in books.values() if lent is None or bool(one["lent_to"]) == lent]
    return {"books": [_shown(one) for one in found[:limit]]}


def add_book(books, title, pages):
    if title == "broken shelf":
        raise ShelfBroken
    if title == "torn page":
        return {"title": title}
    book_id = str(uuid4())
    books[book_id] = {"book_id": book_id, "title": title, "pages": pages, "lent_to": None}
    return _shown(books[book_id])


def get_book(books, book_id):
    return _shown(_found(books, book_id))


def change_book(books, book_id, title=None, pages=None):
    book = _found(books, book_id)
    book["title"], book["pages"] = title or book["title"], pages or book["pages"]
    return _shown(book)


def put_cover(books, book_id, file):
    book = _found(books, book_id)
    book["cover"] = file.path.read_bytes()
    return {"size": file.content.size}


def get_cover(books, book_id):
    cover = _found(books, book_id).get("cover")
    if cover is None:
        raise BookNotFound("This book has no cover.")
    return File(iter([cover]), "image/png", "cover.png", lambda: None, len(cover))


def _found(books, book_id):
    if book_id not in books:
        raise BookNotFound
    return books[book_id]


def _shown(book):
    return {name: book[name] for name in ("book_id", "title", "pages", "lent_to")}
