Title

  $ echo hi
  hi

end