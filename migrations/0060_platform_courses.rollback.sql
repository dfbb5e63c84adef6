-- Lost: where platforms list the people of their courses. The next launch says it again.
drop table platform_courses;
