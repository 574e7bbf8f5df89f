"""Tests of the writers, and the model server that other tests borrow."""
