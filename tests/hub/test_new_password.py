"""A password is drawn once, for hub and database to read."""

from skerry_hub import main


def test_a_password_is_drawn_once_and_read_by_the_group(tmp_path):
    file = tmp_path / "password"
    assert main.main(["new-password", str(file)]) == 0
    drawn = file.read_text()
    assert len(drawn.strip()) >= 40
    assert file.stat().st_mode & 0o777 == 0o440
    assert main.main(["new-password", str(file)]) == 0
    assert file.read_text() == drawn
    assert main.main(["new-password", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other").read_text() != drawn


def test_where_it_cannot_be_written_it_says_so(tmp_path, capsys):
    assert main.main(["new-password", str(tmp_path / "nowhere" / "password")]) == 1
    assert "No such file" in capsys.readouterr().err
