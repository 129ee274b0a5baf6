"""Loans: lend a book."""

from tests.contract_engine.library.rules import BookLent, BookNotFound


def lend_book(books, reader, book_id, until):
    if book_id not in books:
        raise BookNotFound
    if books[book_id]["lent_to"]:
        raise BookLent
    books[book_id]["lent_to"] = reader
    return {"reader": reader, "until": until}
